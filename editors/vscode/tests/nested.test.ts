import assert from "node:assert/strict";
import { test } from "node:test";

import { nested } from "../src/nested";

test("dotted names become objects within objects", () => {
  const tree = nested([
    ["dialect", "postgres"],
    ["workspace.exclude", ["old/**"]],
    ["workspace.max_file_bytes", 5],
  ]);
  assert.deepEqual(tree, { dialect: "postgres", workspace: { exclude: ["old/**"], max_file_bytes: 5 } });
});
