import * as vscode from "vscode";

import { record, text } from "../results";
import type { Session } from "../session";
import { apply } from "./edits";
import { placeOfCursor } from "./place";

/** Puts a comment that says what the query at the cursor does above it. */
export async function explainQuery(session: Session): Promise<void> {
  const { argument } = placeOfCursor(session);
  const answer = record(await session.execute("squill.explain", argument));
  if (answer.edit !== undefined && answer.edit !== null) {
    await apply(session, answer.edit);
    return;
  }
  await vscode.window.showInformationMessage(text(answer.comment) || "There is nothing to explain here.");
}
