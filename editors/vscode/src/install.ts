/** Installing the server that the extension carries, as a wheel, into a folder of the extension's. */

import { execFile } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";

import * as vscode from "vscode";

import { isProgram, NEUTRAL_FOLDER } from "./locate";

const run = promisify(execFile);

const NEW_ENOUGH = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
const PYTHONS = ["python3.14", "python3.13", "python3.12", "python3.11", "python3"];

const NO_PYTHON =
  "Squill needs Python 3.11 or newer with venv, and none is on PATH. Install one " +
  "(on Debian: python3 and python3-venv), or uv, and try again.";

/** Our own installation: one folder for each version, so that an update never mixes two. */
export function installation(context: vscode.ExtensionContext): { folder: string; command: string } {
  const version = (context.extension.packageJSON as { version: string }).version;
  const folder = join(context.globalStorageUri.fsPath, `server-${version}`);
  return { folder, command: join(folder, "bin", "squill") };
}

/** Installs, with a progress that can be cancelled. Throws a sentence for the user. */
export async function install(context: vscode.ExtensionContext, output: vscode.LogOutputChannel): Promise<void> {
  const wheel = carriedWheel(context);
  const { folder } = installation(context);
  const options = { location: vscode.ProgressLocation.Notification, title: "Squill", cancellable: true };
  await vscode.window.withProgress(options, async (progress, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => {
      abort.abort();
    });
    try {
      for (const { says, command, args } of await steps(folder, wheel)) {
        progress.report({ message: says });
        output.info(`${command} ${args.join(" ")}`);
        const { stdout, stderr } = await run(command, args, { cwd: NEUTRAL_FOLDER, signal: abort.signal, maxBuffer: 1 << 26 });
        output.debug(stdout + stderr);
      }
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw token.isCancellationRequested ? new Error("The installation was cancelled.") : explained(error, output);
    }
  });
}

interface Step {
  readonly says: string;
  readonly command: string;
  readonly args: string[];
}

async function steps(folder: string, wheel: string): Promise<Step[]> {
  const says = { folder: "making a Python environment…", wheel: "installing the server…" };
  const uv = onPath("uv");
  if (uv !== undefined) {
    const python = join(folder, "bin", "python");
    return [
      { says: says.folder, command: uv, args: ["venv", "--clear", "--python", ">=3.11", folder] },
      { says: says.wheel, command: uv, args: ["pip", "install", "--python", python, wheel] },
    ];
  }
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", wheel];
  return [
    { says: says.folder, command: await newEnoughPython(), args: ["-m", "venv", "--clear", folder] },
    { says: says.wheel, command: join(folder, "bin", "python"), args: pip },
  ];
}

async function newEnoughPython(): Promise<string> {
  for (const python of PYTHONS.map(onPath).filter((path) => path !== undefined)) {
    try {
      await run(python, ["-I", "-c", NEW_ENOUGH], { cwd: NEUTRAL_FOLDER });
      return python;
    } catch {
      // Too old, or without venv: the next one.
    }
  }
  throw new Error(NO_PYTHON);
}

function onPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter(isAbsolute), join(homedir(), ".local", "bin")];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function carriedWheel(context: vscode.ExtensionContext): string {
  const folder = join(context.extensionPath, "server");
  const wheel = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith(".whl")) : undefined;
  if (wheel === undefined) {
    throw new Error("This build of the extension carries no server. Run `make vsix`, or `pip install .` in Squill's repository.");
  }
  return join(folder, wheel);
}

function explained(error: unknown, output: vscode.LogOutputChannel): Error {
  const told = (error as { stderr?: string }).stderr ?? "";
  output.error(`${String(error)}\n${told}`);
  const last = told.trim().split("\n").at(-1) ?? "";
  return new Error(`The installation failed: ${last || String(error)} The log has the rest.`);
}
