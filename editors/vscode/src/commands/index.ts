/** What the palette and the menu offer. The ids differ from the server's own commands. */

import * as vscode from "vscode";

import { chooseServer, installServer } from "../offer";
import { sentence } from "../results";
import type { Session } from "../session";
import { chooseAdapter, retrain, rollBack } from "./adapters";
import { newExample } from "./newExample";
import { forgetExample, keepExample, showPairs } from "./examples";
import { explainQuery } from "./explain";
import { showLearned } from "./learned";
import { showMenu } from "./menu";
import { restartDaemon, runDoctor, showDaemonLog, showStatus } from "./upkeep";
import { writeSql } from "./write";

const WALKTHROUGH = "squill.squill#squill.start";

export function registerCommands(context: vscode.ExtensionContext, session: Session): vscode.Disposable[] {
  const work: Record<string, () => Promise<unknown>> = {
    "squill.menu": () => showMenu(session),
    "squill.newExample": newExample,
    "squill.writeSql": () => writeSql(session),
    "squill.explainQuery": () => explainQuery(session),
    "squill.keepQuery": () => keepExample(session),
    "squill.forgetQuery": () => forgetExample(session),
    "squill.showPairs": () => showPairs(session),
    "squill.retrainNow": () => retrain(session),
    "squill.rollBack": () => rollBack(session),
    "squill.chooseAdapter": () => chooseAdapter(session),
    "squill.showLearned": () => showLearned(session),
    "squill.showStatus": () => showStatus(session),
    "squill.runDoctor": () => runDoctor(session),
    "squill.restartDaemon": () => restartDaemon(session),
    "squill.restartServer": () => session.restart(),
    "squill.showDaemonLog": () => showDaemonLog(session),
    "squill.showServerLog": () => showServerLog(session),
    "squill.installServer": () => installServer(context, session),
    "squill.chooseServer": chooseServer,
    "squill.walkthrough": openWalkthrough,
  };
  return Object.entries(work).map(([id, run]) => vscode.commands.registerCommand(id, () => withMessage(run)));
}

async function withMessage(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    // Not awaited: the command has ended, whether the message is read or not.
    void vscode.window.showErrorMessage(sentence(error));
  }
}

function showServerLog(session: Session): Promise<void> {
  session.output.show();
  return Promise.resolve();
}

async function openWalkthrough(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH, false);
}
