/** Example pairs: a comment and its query, from which Squill learns. */

import * as vscode from "vscode";

import { record, records, text } from "../results";
import type { Session } from "../session";
import { placeOfCursor, workspaceOfEditor } from "./place";

const SHOWN_MS = 5000;

export async function keepExample(session: Session): Promise<void> {
  const { argument } = placeOfCursor(session);
  const answer = record(await session.execute("squill.keepExample", argument));
  const reason = text(answer.reason);
  if (reason) {
    throw new Error(`The example is kept, but cannot be used yet: ${reason}`);
  }
  vscode.window.setStatusBarMessage(`Squill keeps this as an example: ${text(answer.question)}`, SHOWN_MS);
}

export async function forgetExample(session: Session): Promise<void> {
  const { argument } = placeOfCursor(session);
  const sure = await vscode.window.showWarningMessage(
    "Forget the example at the cursor? Squill learns from it no more; the text in this file stays.",
    { modal: true },
    "Forget",
  );
  if (sure === "Forget") {
    const answer = record(await session.execute("squill.forgetExample", argument));
    vscode.window.setStatusBarMessage(`Squill has forgotten this example: ${text(answer.question)}`, SHOWN_MS);
  }
}

/** Lists the pairs; the chosen one is opened as a text of its own. */
export async function showPairs(session: Session): Promise<void> {
  const pairs = records(record(await session.execute("squill.pairs", workspaceOfEditor(session))).pairs);
  if (pairs.length === 0) {
    throw new Error("There are no example pairs yet. Accept a suggestion and save the file, or use Keep This Query as an Example.");
  }
  const items = pairs.map((pair) => ({ label: text(pair.question), description: text(pair.origin), detail: text(pair.sql), pair }));
  const options = { title: "Example pairs", placeHolder: "What Squill learns from", matchOnDetail: true };
  const chosen = await vscode.window.showQuickPick(items, options);
  if (chosen !== undefined) {
    const content = `-- ${chosen.label.replaceAll("\n", "\n-- ")}\n${chosen.detail}\n`;
    const document = await vscode.workspace.openTextDocument({ language: "sql", content });
    await vscode.window.showTextDocument(document);
  }
}
