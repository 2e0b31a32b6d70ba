import * as vscode from "vscode";
import type { WorkspaceEdit } from "vscode-languageclient/node";

import type { Session } from "../session";

/** Applies an edit of the server's. Throws a sentence where the document has moved on. */
export async function apply(session: Session, edit: WorkspaceEdit): Promise<void> {
  const converted = await session.running.protocol2CodeConverter.asWorkspaceEdit(edit);
  if (!(await vscode.workspace.applyEdit(converted))) {
    throw new Error("The file has changed in the meantime, so nothing was inserted. Ask again.");
  }
}
