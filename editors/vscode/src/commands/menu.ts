import * as vscode from "vscode";

import type { Session } from "../session";
import { present, type State } from "../status";

interface Entry extends vscode.QuickPickItem {
  readonly command?: string;
}

const WITHOUT_SERVER: Entry[] = [
  { label: "$(cloud-download) Install the Server", command: "squill.installServer" },
  { label: "$(folder-opened) Choose the Program…", command: "squill.chooseServer" },
  { label: "$(book) How It Works", command: "squill.walkthrough" },
];

const ENTRIES: Entry[] = [
  { label: "$(pulse) Status", description: "model, queue, memory, times", command: "squill.showStatus" },
  { label: "$(debug-restart) Restart", description: "the process that holds the model", command: "squill.restartDaemon" },
  { label: "$(refresh) Restart the Language Server", command: "squill.restartServer" },
  { label: "Learning", kind: vscode.QuickPickItemKind.Separator },
  { label: "$(versions) Adapters…", description: "choose, or roll back", command: "squill.chooseAdapter" },
  { label: "$(discard) Roll Back Adapter", command: "squill.rollBack" },
  { label: "$(list-unordered) Example Pairs…", description: "what Squill learns from", command: "squill.showPairs" },
  { label: "$(graph-line) Show What Squill Learned", command: "squill.showLearned" },
  { label: "$(mortar-board) Retrain Now", command: "squill.retrainNow" },
  { label: "Trouble", kind: vscode.QuickPickItemKind.Separator },
  { label: "$(checklist) Doctor", description: "looks at the whole chain", command: "squill.runDoctor" },
  { label: "$(output) Log of the Model's Process", command: "squill.showDaemonLog" },
  { label: "$(output) Log of the Language Server", command: "squill.showServerLog" },
];

/** The menu behind the status bar item: the state as its title, what can be done below. */
export async function showMenu(session: Session): Promise<void> {
  const { text, tooltip } = present(session.status);
  const chosen = await vscode.window.showQuickPick(entries(session.status.state), {
    title: text.replace(/^\$\([^)]*\) /, ""),
    placeHolder: tooltip[0] ?? "",
  });
  if (chosen?.command !== undefined) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

function entries(state: State): Entry[] {
  return state === "missing" ? WITHOUT_SERVER : ENTRIES;
}
