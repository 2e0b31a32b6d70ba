/** Status, restart, doctor and logs. */

import { execFile } from "node:child_process";

import * as vscode from "vscode";

import { NEUTRAL_FOLDER } from "../locate";
import { showPage } from "../panel";
import { COMMANDS as DOCTOR_COMMANDS, doctorBody } from "../pages/doctor";
import { COMMANDS as STATUS_COMMANDS, statusBody } from "../pages/status";
import type { Session } from "../session";

const DOCTOR_MS = 120_000;

export async function showStatus(session: Session): Promise<void> {
  showPage("Squill: Status", statusBody(await session.execute("squill.status")), STATUS_COMMANDS);
}

/** The process that holds the model; where the language server does not run, that too. */
export async function restartDaemon(session: Session): Promise<void> {
  if (!session.isRunning) {
    await session.restart();
    return;
  }
  const options = { location: vscode.ProgressLocation.Window, title: "Squill: restarting" };
  await vscode.window.withProgress(options, () => session.execute("squill.restart"));
}

/** By the command line, which also works where the language server does not. */
export async function runDoctor(session: Session): Promise<void> {
  const options = { location: vscode.ProgressLocation.Notification, title: "Squill: looking at the whole chain…" };
  const report = await vscode.window.withProgress(options, () => doctorReport(program(session)));
  showPage("Squill: Doctor", doctorBody(report), DOCTOR_COMMANDS);
}

function doctorReport(command: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const where = folder();
    const args = ["doctor", "--json", ...(where === undefined ? [] : ["--workspace", where])];
    execFile(command, args, { cwd: NEUTRAL_FOLDER, timeout: DOCTOR_MS }, (error, stdout, stderr) => {
      try {
        // Exit code 1 is a report with a failure in it.
        resolve(JSON.parse(stdout));
      } catch {
        reject(new Error(`squill doctor gave no report. ${stderr.trim() || (error?.message ?? "")}`));
      }
    });
  });
}

export function showDaemonLog(session: Session): Promise<void> {
  const terminal = vscode.window.createTerminal({
    name: "Squill: log",
    shellPath: program(session),
    shellArgs: ["logs", "--follow"],
    cwd: NEUTRAL_FOLDER,
  });
  terminal.show();
  return Promise.resolve();
}

function program(session: Session): string {
  const found = session.find();
  if (found === undefined) {
    throw new Error("Squill's server is not on this machine. Click Squill in the status bar to install it.");
  }
  return found.command;
}

function folder(): string | undefined {
  return vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file")?.uri.fsPath;
}
