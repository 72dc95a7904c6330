import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectFiles } from "../../scripts/project-files.mjs";
import { pathOf, without, type Guard } from "./guard.ts";

/** A copy of the checkout in which one guard at a time is taken away; the checkout itself is never touched. */
export class Tree {
  readonly folder: string;

  constructor(root: string) {
    this.folder = mkdtempSync(join(tmpdir(), "millrace-guards-"));
    for (const file of projectFiles(root)) {
      mkdirSync(dirname(join(this.folder, file)), { recursive: true });
      cpSync(join(root, file), join(this.folder, file));
    }
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    // Else every copy would fetch MySQL anew.
    const servers = join(".cache", "servers");
    for (const each of [join(root, servers), join(this.folder, ".cache")])
      mkdirSync(each, { recursive: true });
    symlinkSync(join(root, servers), join(this.folder, servers));
  }

  /** Takes the guard away; what it gives puts it back. */
  disable(guard: Guard): () => void {
    const path = join(this.folder, pathOf(guard));
    const text = readFileSync(path, "utf8");
    writeFileSync(path, without(guard, text));
    return () => writeFileSync(path, text);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
