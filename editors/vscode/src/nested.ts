/** `a.b` and a value, as objects within objects. */
export function nested(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const [name, value] of entries) {
    const keys = name.split(".");
    const last = keys.pop() ?? name;
    let branch = tree;
    for (const key of keys) {
      branch = (branch[key] ??= {}) as Record<string, unknown>;
    }
    branch[last] = value;
  }
  return tree;
}
