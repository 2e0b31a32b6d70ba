/** Reading what the server's commands answer: plain JSON whose form nobody has promised us. */

export type Json = Readonly<Record<string, unknown>>;

export function record(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function records(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

/** A text, or a number as text; empty for anything else. */
export function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** What went wrong, as one sentence: for the server's errors, its own. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
