// The PostgreSQL packages keep their symbolic links in a list, since npm packages cannot hold any;
// their install script makes the links. Newer npm runs no install scripts, so we make them.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const listName = join("native", "pg-symlinks.json");

/** Package folders below `nodeModules` (nested ones too) that carry PostgreSQL's programs. */
export function postgresPackages(nodeModules) {
  return packageFolders(nodeModules).flatMap((folder) => {
    const nested = join(folder, "node_modules");
    const inside = existsSync(nested) ? postgresPackages(nested) : [];
    return existsSync(join(folder, listName)) ? [folder, ...inside] : inside;
  });
}

/** Makes the links of one package that are not there yet; gives their number. */
export function makeLinks(packageFolder) {
  const links = JSON.parse(readFileSync(join(packageFolder, listName), "utf8"));
  let made = 0;
  for (const { source, target } of links) {
    // A link into itself or out of the package would come from a broken list.
    const path = join(packageFolder, target);
    if (relative(packageFolder, path).startsWith("..") || existsSync(path)) continue;
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(relative(dirname(target), source), path);
    made += 1;
  }
  return made;
}

function packageFolders(nodeModules) {
  return readdirSync(nodeModules, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .flatMap((entry) => {
      const path = join(nodeModules, entry.name);
      return entry.name.startsWith("@") ? packageFolders(path) : [path];
    });
}
