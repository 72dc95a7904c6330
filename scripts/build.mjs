// npm run build: packages/*/dist (JavaScript and declarations, by plain tsc) and, in dist/, the npm
// packages as they would be published. Run with `--quiet` it only says what went wrong.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { run } from "./run.mjs";
import { root, setUp } from "./setup.mjs";

const packagesFolder = join(root, "packages");
const outFolder = join(root, "dist");

/** The names of the folders in packages/ that are built, in no order: they do not need each other. */
export function packageNames(folder = packagesFolder) {
  return readdirSync(folder).filter((name) =>
    existsSync(join(folder, name, "tsconfig.build.json")),
  );
}

/**
 * What a published package.json says: as in the checkout, without what only the checkout has (the
 * sources and their export condition, scripts, development dependencies).
 */
export function publishedManifest(manifest) {
  const { scripts: _scripts, devDependencies: _dev, private: _private, ...rest } = manifest;
  const exports = Object.entries(rest.exports ?? {}).map(([path, conditions]) => {
    const { source: _source, ...others } = conditions;
    return [path, others];
  });
  return { ...rest, exports: Object.fromEntries(exports) };
}

/** Builds and packs everything; throws where a step fails. */
export async function build() {
  const names = packageNames();
  for (const name of names) {
    rmSync(join(packagesFolder, name, "dist"), { recursive: true, force: true });
    await step(join(root, "node_modules", ".bin", "tsc"), [
      "-p",
      join(packagesFolder, name, "tsconfig.build.json"),
    ]);
  }
  rmSync(outFolder, { recursive: true, force: true });
  for (const name of names) stage(name);
  for (const name of names) {
    const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", outFolder];
    await step("npm", args, {
      cwd: join(outFolder, "packages", name),
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return readdirSync(outFolder).filter((file) => file.endsWith(".tgz"));
}

/** Lays a package out as it is going to be published: dist/packages/NAME. */
function stage(name) {
  const from = join(packagesFolder, name);
  const to = join(outFolder, "packages", name);
  mkdirSync(to, { recursive: true });
  const manifest = publishedManifest(JSON.parse(readFileSync(join(from, "package.json"), "utf8")));
  writeFileSync(join(to, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(from, "dist"), join(to, "dist"), { recursive: true });
  for (const program of Object.values(manifest.bin ?? {})) chmodSync(join(to, program), 0o755);
  cpSync(join(root, "LICENSE"), join(to, "LICENSE"));
  const readme = [join(from, "README.md"), join(root, "README.md")].find((path) =>
    existsSync(path),
  );
  if (readme) cpSync(readme, join(to, "README.md"));
}

async function step(command, args, options) {
  const { code } = await run(command, args, options);
  if (code !== 0)
    throw new Error(`${[command, ...args].join(" ").replaceAll(root, "")} failed (${code})`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await setUp();
  try {
    const tarballs = await build();
    if (!process.argv.includes("--quiet")) {
      for (const tarball of tarballs) console.log(`dist/${tarball}`);
    }
  } catch (error) {
    console.error(`millrace: the build failed: ${error.message}`);
    process.exitCode = 1;
  }
}
