import * as vscode from "vscode";

import { LANGUAGES } from "../languages";
import type { Session } from "../session";

export interface Place {
  readonly editor: vscode.TextEditor;
  /** What the server's commands take: the document's uri, and the cursor in LSP's terms. */
  readonly argument: { uri: string; position: { line: number; character: number } };
}

/** Where the cursor is. Throws a sentence where that is in no SQL file. */
export function placeOfCursor(session: Session): Place {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || !isSql(editor)) {
    throw new Error("Open an SQL file first, and put the cursor on the comment or query that you mean.");
  }
  const convert = session.running.code2ProtocolConverter;
  return {
    editor,
    argument: { uri: convert.asUri(editor.document.uri), position: convert.asPosition(editor.selection.active) },
  };
}

/** For commands about a workspace: the open file says which, where there are several. */
export function workspaceOfEditor(session: Session): { uri?: string } {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || !isSql(editor)) {
    return {};
  }
  return { uri: session.running.code2ProtocolConverter.asUri(editor.document.uri) };
}

function isSql(editor: vscode.TextEditor): boolean {
  return LANGUAGES.includes(editor.document.languageId);
}
