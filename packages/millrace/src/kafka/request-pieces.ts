/*
 * Hot for a sink: how a request goes to its socket. The library puts all of it together first; of a Produce that is a copy of all
 * batches, of 2 MB for a transaction, in bytes for the sake of which V8 collects its whole old generation.
 */
import type { Socket } from "node:net";
import type { Writer } from "@platformatic/kafka";

/** What is smaller is put together with what stands beside it: a piece of its own costs as much as such a copy. */
export const LARGE_PIECE_BYTES = 4_096;

/** A request in pieces, in their order: large ones are the bytes that the request was made of, and no copies. */
export function piecesOf({ buffers }: Pick<Writer, "buffers">): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let small: Buffer[] = [];
  for (const buffer of buffers) {
    if (buffer.length < LARGE_PIECE_BYTES) {
      small.push(buffer);
      continue;
    }
    if (small.length > 0) pieces.push(Buffer.concat(small));
    pieces.push(buffer);
    small = [];
  }
  if (small.length > 0) pieces.push(Buffer.concat(small));
  return pieces;
}

/**
 * All pieces at once, so that the system is asked as seldom as it can be. None of them may be touched until the request was
 * answered, or its connection has ended.
 */
export function writePieces(
  socket: Pick<Socket, "cork" | "write" | "uncork">,
  pieces: readonly Uint8Array[],
): void {
  socket.cork();
  for (const piece of pieces) socket.write(piece);
  socket.uncork();
}
