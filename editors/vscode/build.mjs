// Bundles the extension (default) or its unit tests (--tests) into dist/.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const production = process.argv.includes("--production");
const tests = process.argv.includes("--tests");

const { metafile } = await build({
  entryPoints: tests
    ? readdirSync("tests").filter((name) => name.endsWith(".test.ts")).map((name) => `tests/${name}`)
    : ["src/extension.ts"],
  outdir: tests ? "dist/tests" : "dist",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode"],
  minify: production,
  sourcemap: !production,
  metafile: true,
  logLevel: "warning",
});

if (!tests) {
  writeFileSync("dist/third-party.txt", notices(Object.keys(metafile.inputs)));
}

/** The licences of the packages that these files are from. */
function notices(files) {
  const folders = files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  const packages = [...new Set(folders)].filter((folder) => folder !== undefined).sort();
  return packages.map(notice).join("\n\n");
}

function notice(folder) {
  const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) {
    throw new Error(`${name} has no licence file that could go into dist/third-party.txt`);
  }
  return `${name} ${version}\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}`;
}
