import * as vscode from "vscode";
import {
  CodeActionKind,
  CodeActionRequest,
  CodeActionResolveRequest,
  CodeActionTriggerKind,
  type CodeAction,
  type Command,
} from "vscode-languageclient/node";

import type { Session } from "../session";
import { apply } from "./edits";
import { placeOfCursor, type Place } from "./place";

/** The server's action that this command is a shortcut to. */
const ACTION = "Write SQL from this comment";

const NO_QUESTION =
  "There is no question here. Put the cursor on a comment that says what you want, with no statement below it yet.";

/** Writes the statement below the comment at the cursor. */
export async function writeSql(session: Session): Promise<void> {
  const place = placeOfCursor(session);
  const action = await actionAt(session, place);
  if (action === undefined) {
    throw new Error(NO_QUESTION);
  }
  const written = await resolved(session, action);
  if (written === undefined) {
    return;
  }
  if (written.edit === undefined) {
    throw new Error(session.status.message || "The model wrote nothing that fits. Word the comment differently.");
  }
  await apply(session, written.edit);
  if (written.command !== undefined) {
    await vscode.commands.executeCommand(written.command.command, ...((written.command.arguments ?? []) as unknown[]));
  }
}

async function actionAt(session: Session, { argument }: Place): Promise<CodeAction | undefined> {
  const actions = await session.running.sendRequest(CodeActionRequest.type, {
    textDocument: { uri: argument.uri },
    range: { start: argument.position, end: argument.position },
    context: { diagnostics: [], only: [CodeActionKind.RefactorRewrite], triggerKind: CodeActionTriggerKind.Invoked },
  });
  return actions?.filter(isAction).find(({ title }) => title === ACTION);
}

function isAction(found: CodeAction | Command): found is CodeAction {
  return typeof found.command !== "string";
}

/** Undefined: the user has cancelled it. */
function resolved(session: Session, action: CodeAction): Thenable<CodeAction | undefined> {
  const options = { location: vscode.ProgressLocation.Notification, title: "Squill: writing SQL…", cancellable: true };
  return vscode.window.withProgress(options, async (_, token) => {
    try {
      return await session.running.sendRequest(CodeActionResolveRequest.type, action, token);
    } catch (error) {
      if (token.isCancellationRequested) {
        return undefined;
      }
      throw error;
    }
  });
}
