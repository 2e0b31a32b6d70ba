/** What was learned: chosen, taken back, trained anew. */

import * as vscode from "vscode";

import { record, records, text, type Json } from "../results";
import type { Session } from "../session";
import { workspaceOfEditor } from "./place";

const DIGEST_DIGITS = 12;
const SHOWN_MS = 5000;

export async function retrain(session: Session): Promise<void> {
  const answer = record(await session.execute("squill.retrain", workspaceOfEditor(session)));
  const said = answer.started === false ? "A training is running already." : "Squill trains on your example pairs.";
  vscode.window.setStatusBarMessage(said, SHOWN_MS);
}

export async function rollBack(session: Session): Promise<void> {
  tell(record(await session.execute("squill.rollbackAdapter", workspaceOfEditor(session))));
}

export async function chooseAdapter(session: Session): Promise<void> {
  const answer = record(await session.execute("squill.adapters", workspaceOfEditor(session)));
  const adapters = records(answer.adapters);
  if (adapters.length === 0) {
    throw new Error("Nothing was learned yet: there are no adapters. Keep some queries as examples, then Retrain Now.");
  }
  const chosen = await vscode.window.showQuickPick([BACK, ...adapters.map(item), NONE], {
    title: "Adapters",
    placeHolder: "The newest first; the one in use is marked",
  });
  if (chosen === BACK) {
    await rollBack(session);
  } else if (chosen !== undefined) {
    tell(record(await session.execute("squill.activateAdapter", { digest: chosen.digest, ...workspaceOfEditor(session) })));
  }
}

interface Item extends vscode.QuickPickItem {
  readonly digest: string;
}

const BACK: Item = { label: "$(discard) Roll back to what was used before", digest: "" };
const NONE: Item = { label: "The model without an adapter", digest: "none" };

function item(adapter: Json): Item {
  const digest = text(adapter.digest);
  const pairs = Array.isArray(adapter.pairs) ? adapter.pairs.length : text(adapter.pairs);
  const mark = adapter.active === true ? "$(check) " : "";
  return {
    label: mark + digest.slice(0, DIGEST_DIGITS),
    description: `${text(adapter.created).slice(0, 16).replace("T", " ")}  ${pairs} pairs`,
    detail: text(adapter.reason),
    digest,
  };
}

function tell(moved: Json): void {
  const name = text(moved.active).slice(0, DIGEST_DIGITS) || "the model without an adapter";
  vscode.window.setStatusBarMessage(`Squill uses ${name}.`, SHOWN_MS);
}
