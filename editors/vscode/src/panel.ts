import { randomBytes } from "node:crypto";

import * as vscode from "vscode";

import { page } from "./pages/html";

const panels = new Map<string, vscode.WebviewPanel>();

/** Shows `body` under `title`, in the tab of that title if it is open. No scripts run there. */
export function showPage(title: string, body: string, commands: readonly string[]): void {
  const panel = panels.get(title) ?? openPanel(title, commands);
  panel.webview.html = page(title, randomBytes(16).toString("base64url"), body);
  panel.reveal();
}

function openPanel(title: string, commands: readonly string[]): vscode.WebviewPanel {
  const panel = vscode.window.createWebviewPanel("squill", title, vscode.ViewColumn.Active, {
    enableScripts: false,
    enableCommandUris: commands,
    enableFindWidget: true,
    localResourceRoots: [],
  });
  panels.set(title, panel);
  panel.onDidDispose(() => panels.delete(title));
  return panel;
}
