import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";

const NEWLINE = 0x0a;
const BLOCK_BYTES = 64 * 1024;

/** A file of lines that is only ever added to. */
export class TableFile {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Opens or makes the file; a line that a crash has torn is cut off, because its batch is sent again. */
  static async open(path: string): Promise<TableFile> {
    const handle = await open(path, "a+");
    await handle.truncate(await wholeLinesBytes(handle));
    return new TableFile(handle);
  }

  /** Adds text that ends in a newline, and resolves when it is on the disk. */
  async append(text: string): Promise<void> {
    await this.#handle.appendFile(text);
    await this.#handle.datasync();
  }

  /** Closes the file. */
  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Size up to and with the last newline, bytes. */
async function wholeLinesBytes(handle: FileHandle): Promise<number> {
  const block = Buffer.alloc(BLOCK_BYTES);
  let end = (await handle.stat()).size;
  while (end > 0) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    const newline = block.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}
