// One process at a time, across processes: a file that names its holder. Node has no flock, and a fresh machine may have none.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const retryMs = 200;

/**
 * Runs `work` while no other process holds the lock `file`; `onWait` is called once where another one does.
 * @template T
 * @param {string} file
 * @param {() => void} onWait
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function underLock(file, onWait, work) {
  mkdirSync(dirname(file), { recursive: true });
  for (let waited = 0; !take(file); waited += 1) {
    if (waited === 0) onWait();
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file) {
  const holder = readHolder(file);
  if (holder !== undefined && !isRunning(holder)) remove(file, holder);
  // Written aside and linked, so that nobody ever reads half of it.
  const written = `${file}.${process.pid}.new`;
  writeFileSync(written, identityOf(process.pid));
  try {
    linkSync(written, file);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(written, { force: true });
  }
}

/** Takes a dead holder's lock away. Between our look and our removal another process may have done so and hold it itself. */
function remove(file, holder) {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
    if (readHolder(aside) !== holder) linkSync(aside, file);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  }
  rmSync(aside, { force: true });
}

/** Ids of processes are given again, above all the small ones of containers: the time of the start tells them apart. */
function identityOf(pid) {
  return `${pid} ${startOf(pid)}`.trim();
}

function isRunning(holder) {
  const pid = Number.parseInt(holder, 10);
  if (!(pid > 0) || !exists(pid)) return false;
  return holder === identityOf(pid) || !holder.includes(" ");
}

function exists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** In ticks since the machine's start; nothing where there is no /proc. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function readHolder(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
