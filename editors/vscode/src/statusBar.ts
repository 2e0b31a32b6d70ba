import * as vscode from "vscode";

import type { Session } from "./session";
import { present, type Presentation } from "./status";

const BACKGROUNDS: Record<Presentation["severity"], vscode.ThemeColor | undefined> = {
  none: undefined,
  warning: new vscode.ThemeColor("statusBarItem.warningBackground"),
  error: new vscode.ThemeColor("statusBarItem.errorBackground"),
};

/** The item in the status bar: follows the session's status; a click opens the menu. */
export function statusBar(session: Session): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("squill.status", vscode.StatusBarAlignment.Right, 100);
  item.name = "Squill";
  item.command = "squill.menu";
  const show = (): void => {
    const { text, tooltip, severity } = present(session.status);
    item.text = text;
    item.tooltip = paragraphs(tooltip);
    item.backgroundColor = BACKGROUNDS[severity];
    item.accessibilityInformation = { label: `${text.replace(/^\$\([^)]*\) /, "")}. ${tooltip.join(" ")}` };
  };
  show();
  item.show();
  return vscode.Disposable.from(item, session.onStatus(show));
}

function paragraphs(texts: readonly string[]): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString();
  texts.forEach((text, index) => {
    markdown.appendMarkdown(index > 0 ? "\n\n" : "").appendText(text);
  });
  return markdown;
}
