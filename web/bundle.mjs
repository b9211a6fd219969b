// Makes flame.html: page, style and script in one file that asks no network for anything. The program puts the data in
// the place of DATA. Called by the build as: node bundle.mjs OUTPUT
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const result = await build({
  entryPoints: ["src/flame.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  outdir: "out",
  legalComments: "inline",
  charset: "ascii",
  write: false,
});
const part = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text;
// A script's text must not hold what ends it.
const script = part(".js").replaceAll("</script", "<\\/script");
const page = readFileSync("src/flame.html", "utf8")
  .replace("/* STYLE */", () => part(".css").trim())
  .replace("/* SCRIPT */", () => script.trim());
writeFileSync(process.argv[2], page);
