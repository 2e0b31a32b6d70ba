/** HTML for the webviews: no scripts, nothing loaded, the theme's colours. Pure. */

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

const STYLE = `
body { color: var(--vscode-foreground); font-family: var(--vscode-font-family);
  max-width: 60em; padding: 0 2em 2em; line-height: 1.5; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
code, pre { font-family: var(--vscode-editor-font-family); }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; }
td, th { padding: 0.2em 1.5em 0.2em 0; vertical-align: top; border-bottom: 1px solid var(--vscode-widget-border, transparent); }
.quiet { color: var(--vscode-descriptionForeground); }
.ok { color: var(--vscode-testing-iconPassed); } .warning { color: var(--vscode-editorWarning-foreground); }
.failure { color: var(--vscode-editorError-foreground); }
.button { display: inline-block; padding: 0.3em 1em; margin-right: 0.6em; text-decoration: none;
  color: var(--vscode-button-foreground); background: var(--vscode-button-background); }
.button:hover { background: var(--vscode-button-hoverBackground); }
figure { display: inline-block; margin: 0 1.5em 1em 0; } figcaption { font-weight: 600; }
svg { width: 24em; height: 12em; } svg text { fill: var(--vscode-descriptionForeground); font-size: 11px; }
.axis { stroke: var(--vscode-widget-border, var(--vscode-descriptionForeground)); }
.line { fill: none; stroke-width: 2; }
.series0 { stroke: var(--vscode-charts-blue); } .series1 { stroke: var(--vscode-charts-orange); }
.series2 { stroke: var(--vscode-charts-green); } .series3 { stroke: var(--vscode-charts-purple); }
.dot { stroke-width: 5; stroke-linecap: round; }
.key { display: inline-block; width: 1.2em; border-top-width: 3px; border-top-style: solid; margin: 0 0.3em 0.25em 0.8em; }
.key0 { border-color: var(--vscode-charts-blue); } .key1 { border-color: var(--vscode-charts-orange); }
.key2 { border-color: var(--vscode-charts-green); } .key3 { border-color: var(--vscode-charts-purple); }
`;

/** A whole document. `nonce` is a fresh random text; `body` is HTML, its texts escaped. */
export function page(title: string, nonce: string, body: string): string {
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escape(title)}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<h1>${escape(title)}</h1>
${body}
</body>
</html>`;
}

/** A link that runs a command of the editor. The panel names those that it allows. */
export function button(command: string, title: string): string {
  return `<a class="button" href="command:${escape(command)}">${escape(title)}</a>`;
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((name) => `<th>${escape(name)}</th>`).join("");
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`);
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}
