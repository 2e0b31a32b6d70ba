import { record } from "../results";
import { button, escape, table } from "./html";

export const COMMANDS = ["squill.showStatus", "squill.restartDaemon", "squill.runDoctor"];

/** The body for what `squill.status` answers: a row for each figure, nested names with dots. */
export function statusBody(status: unknown): string {
  const rows = [...figures(status)].map(([name, value]) => [escape(name), escape(value)]);
  return [
    `<p>${button("squill.showStatus", "Look Again")}${button("squill.restartDaemon", "Restart")}${button("squill.runDoctor", "Doctor")}</p>`,
    table(["figure", "value"], rows),
  ].join("\n");
}

function* figures(value: unknown, name = ""): Generator<[string, string]> {
  if (value === null || value === undefined || value === "") {
    return;
  }
  if (Array.isArray(value)) {
    yield [name, value.map((item) => JSON.stringify(item)).join(", ")];
  } else if (typeof value === "object") {
    for (const [key, inner] of Object.entries(record(value))) {
      yield* figures(inner, name ? `${name}.${key}` : key);
    }
  } else {
    yield [name, typeof value === "string" ? value : JSON.stringify(value)];
  }
}
