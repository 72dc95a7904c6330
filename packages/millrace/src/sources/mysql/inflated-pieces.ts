import { pipeline, Readable } from "node:stream";
import { createInflate, createZstdDecompress } from "node:zlib";
import { MillraceError } from "../../errors/millrace-error.ts";

/** What comes out of a stream at once, bytes. */
export const INFLATED_BYTES = 131_072;

const STREAMS = { zlib: createInflate, zstd: createZstdDecompress } as const;

/** These bytes, and then those. Who leaves before the end leaves `rest` to others. */
export async function* joined(
  first: Buffer,
  rest: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer, void> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** Takes what is left of pieces. */
export async function passRest(pieces: AsyncGenerator<Buffer>): Promise<void> {
  while ((await pieces.next()).done !== true);
}

/**
 * What compressed bytes come to, in pieces, as they are asked for: no more is held than a stream does (I10). What went wrong
 * with the connection is told as it is; whatever the stream says has bytes of rows behind it, and is `damaged`.
 */
export async function* inflatedPieces(
  kind: keyof typeof STREAMS,
  pieces: AsyncGenerator<Buffer>,
  damaged: () => Error,
): AsyncGenerator<Buffer, void> {
  const inflate = STREAMS[kind]({ chunkSize: INFLATED_BYTES });
  // The iteration below is told of failures too.
  pipeline(Readable.from(pieces, { objectMode: false }), inflate, () => undefined);
  try {
    for await (const output of inflate) yield output as Buffer;
  } catch (error) {
    throw error instanceof MillraceError ? error : damaged();
  }
}
