import { record, records, text, type Json } from "../results";
import { button, escape } from "./html";

const MARKS: Record<string, string> = { ok: "✓", warning: "!", failure: "✗" };

export const COMMANDS = ["squill.runDoctor", "squill.showDaemonLog"];

/** The body for `squill doctor --json`: its groups, each check with what to do. */
export function doctorBody(report: unknown): string {
  const checks = records(record(report).checks);
  const failures = checks.filter((check) => check.status === "failure").length;
  const warnings = checks.filter((check) => check.status === "warning").length;
  const groups = [...new Set(checks.map((check) => text(check.group)))];
  return [
    `<p>${checks.length} checks: ${failures} failed, ${warnings} with a warning.</p>`,
    `<p>${button("squill.runDoctor", "Look Again")}${button("squill.showDaemonLog", "Show the Log")}</p>`,
    ...groups.flatMap((name) => [`<h2>${escape(name)}</h2>`, ...checks.filter(({ group }) => group === name).map(line)]),
  ].join("\n");
}

function line(check: Json): string {
  const status = text(check.status);
  const detail = escape(text(check.detail)).replaceAll("\n", "<br>");
  const remedy = text(check.remedy) && `<br><b>${escape(text(check.remedy))}</b>`;
  return `<p><span class="${escape(status)}">${MARKS[status] ?? "?"}</span> ${escape(text(check.name))}: <span class="quiet">${detail}</span>${remedy}</p>`;
}
