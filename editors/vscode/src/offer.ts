import * as vscode from "vscode";

import { install } from "./install";
import type { Session } from "./session";

const INSTALL = "Install";
const CHOOSE = "Choose the Program…";
const HOW = "How It Works";

/** What to do where there is no server on this machine: a choice, nothing without a click. */
export async function offerServer(): Promise<void> {
  if (process.platform === "win32") {
    await vscode.window.showErrorMessage("Squill runs on macOS and Linux. On Windows, open the folder in WSL.");
    return;
  }
  const answer = await vscode.window.showWarningMessage(
    "Squill's server, a program named squill, is not on this machine. Install the one that comes with this " +
      "extension into the extension's own folder? Its Python packages come from PyPI, and take about 430 MB.",
    INSTALL,
    CHOOSE,
    HOW,
  );
  if (answer === INSTALL) {
    await vscode.commands.executeCommand("squill.installServer");
  } else if (answer === CHOOSE) {
    await vscode.commands.executeCommand("squill.chooseServer");
  } else if (answer === HOW) {
    await vscode.commands.executeCommand("squill.walkthrough");
  }
}

export async function installServer(context: vscode.ExtensionContext, session: Session): Promise<void> {
  await install(context, session.output);
  await session.restart();
}

export async function chooseServer(): Promise<void> {
  const options = { title: "The program squill", openLabel: "Use", canSelectMany: false };
  const [chosen] = (await vscode.window.showOpenDialog(options)) ?? [];
  if (chosen !== undefined) {
    const settings = vscode.workspace.getConfiguration("squill");
    await settings.update("server.path", chosen.fsPath, vscode.ConfigurationTarget.Global);
  }
}
