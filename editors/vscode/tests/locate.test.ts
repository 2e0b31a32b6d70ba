import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";

import { locate } from "../src/locate";

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "squill-locate-"));
  context.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

function program(path: string, mode = 0o755): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, mode);
  return path;
}

function around(folder: string): { setting: string; path: string; home: string; installed: string } {
  return { setting: "", path: join(folder, "bin"), home: join(folder, "home"), installed: join(folder, "own", "squill") };
}

test("the setting goes before PATH, and may begin with the home folder", (context) => {
  const folder = folderOf(context);
  program(join(folder, "bin", "squill"));
  const named = program(join(folder, "home", "tools", "squill"));
  assert.deepEqual(locate({ ...around(folder), setting: named }), { command: named });
  assert.deepEqual(locate({ ...around(folder), setting: "~/tools/squill" }), { command: named });
});

test("a setting that names no program is said to, and nothing else is taken in its place", (context) => {
  const folder = folderOf(context);
  program(join(folder, "bin", "squill"));
  const plain = program(join(folder, "plain"), 0o644);
  for (const setting of [join(folder, "nowhere"), plain, folder, "squill"]) {
    const found = locate({ ...around(folder), setting });
    assert.ok(found !== undefined && "problem" in found, setting);
    assert.ok(found.problem.includes(setting));
  }
});

test("PATH goes before the home folder's programs, and those before our own installation", (context) => {
  const folder = folderOf(context);
  const own = program(join(folder, "own", "squill"));
  assert.deepEqual(locate(around(folder)), { command: own });
  const home = program(join(folder, "home", ".local", "bin", "squill"));
  assert.deepEqual(locate(around(folder)), { command: home });
  const first = program(join(folder, "bin", "squill"));
  assert.deepEqual(locate(around(folder)), { command: first });
});

test("what cannot be run, and folders that depend on the current one, are passed over", (context) => {
  const folder = folderOf(context);
  program(join(folder, "bin", "squill"), 0o644);
  assert.equal(locate(around(folder)), undefined);
  assert.equal(locate({ ...around(folder), path: ".:bin:" }), undefined);
});
