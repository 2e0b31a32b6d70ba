import * as vscode from "vscode";

import { registerCommands } from "./commands";
import { installation } from "./install";
import { offerServer } from "./offer";
import { Session } from "./session";
import { statusBar } from "./statusBar";

/** Settings that the server is started with; it reads all others by itself. */
const NEEDS_RESTART = ["squill.server.path", "squill.suggestions"];

let session: Session | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel("Squill", { log: true });
  const started = new Session(context, output, installation(context).command);
  session = started;
  context.subscriptions.push(
    output,
    started,
    statusBar(started),
    ...registerCommands(context, started),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (NEEDS_RESTART.some((name) => event.affectsConfiguration(name))) {
        await started.restart();
      } else if (event.affectsConfiguration("squill")) {
        await started.settingsChanged();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => started.trustGranted()),
  );
  await started.restart();
  if (started.status.state === "missing") {
    // Not awaited: the notification stands until somebody answers it.
    void offerServer();
  }
}

export async function deactivate(): Promise<void> {
  await session?.stop();
}
