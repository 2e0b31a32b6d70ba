import * as vscode from "vscode";

const CONTENT = `CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, country TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), amount REAL);

-- How many customers are there in each country?`;

/** A file to try Squill in: two tables and a question, the cursor at its end. */
export async function newExample(): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ language: "sql", content: CONTENT });
  const editor = await vscode.window.showTextDocument(document);
  const end = document.positionAt(CONTENT.length);
  editor.selection = new vscode.Selection(end, end);
}
