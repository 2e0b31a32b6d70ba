/** The settings that a person has set here; the others stay to the server's files and defaults. */

import * as vscode from "vscode";

import { nested } from "./nested";

/** Settings that this extension reads itself; the server does not know them. */
const OWN = new Set(["server.path", "suggestions", "trace.server"]);

/**
 * The `squill` section as the server takes it. Defaults of package.json are left out: the editor's
 * settings go over those of squill.toml, and a default must not.
 */
export function editorSettings(names: readonly string[], scope?: vscode.Uri): Record<string, unknown> {
  const section = vscode.workspace.getConfiguration("squill", scope ?? null);
  const set = names.flatMap((name): [string, unknown][] => {
    const value = OWN.has(name) ? undefined : chosen(section.inspect(name));
    return value === undefined ? [] : [[name, value]];
  });
  // The server takes an empty section for an editor that has no settings and keeps those before it.
  return { ...nested(set), trace: {} };
}

function chosen(found: ReturnType<vscode.WorkspaceConfiguration["inspect"]>): unknown {
  return found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
}

/** Names below `squill.` of all settings that package.json declares. */
export function declaredSettings(packageJson: unknown): string[] {
  const manifest = packageJson as { contributes: { configuration: { properties: object } } };
  const names = Object.keys(manifest.contributes.configuration.properties);
  return names.map((name) => name.replace(/^squill\./, ""));
}
