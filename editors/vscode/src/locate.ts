/** Where the server is: the setting's program, else `squill` on PATH, else our own installation. */

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** The working folder of every program that is started: nothing in it is the workspace's. */
export const NEUTRAL_FOLDER = "/";

export interface Found {
  readonly command: string;
}

/** `problem` is a sentence: what is wrong with the setting, and what to do. */
export interface Unusable {
  readonly problem: string;
}

export interface Surroundings {
  /** The setting `squill.server.path`; empty where it is not set. */
  readonly setting: string;
  readonly path: string;
  readonly home: string;
  /** Where `install.ts` puts the program. */
  readonly installed: string;
}

/** Undefined: there is none on this machine. */
export function locate(around: Surroundings): Found | Unusable | undefined {
  if (around.setting) {
    return named(around);
  }
  // An editor that was not started from a shell lacks what the shell adds to PATH.
  const folders = [
    ...around.path.split(delimiter),
    join(around.home, ".local", "bin"),
    "/opt/homebrew/bin",
    "/usr/local/bin",
  ];
  const candidates = folders.filter(isAbsolute).map((folder) => join(folder, "squill"));
  const command = [...candidates, around.installed].find(isProgram);
  return command === undefined ? undefined : { command };
}

function named(around: Surroundings): Found | Unusable {
  const command = around.setting.replace(/^~(?=\/)/, around.home);
  if (isAbsolute(command) && isProgram(command)) {
    return { command };
  }
  const wrong = isAbsolute(command) ? "no program that can be run" : "not an absolute path";
  return {
    problem: `The setting squill.server.path is ${wrong}: ${command}. Correct it, or empty it to use the squill on PATH.`,
  };
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
