// Stands before a MySQL or MariaDB in a process of its own. The first dump from a place of the log is the server's, and
// is taken down; every other one from there is played from memory, so that the server takes no part in it. All else goes to
// the server.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Readable } from "node:stream";

const COM_BINLOG_DUMP = 0x12;
const COM_REGISTER_SLAVE = 0x15;
const OK = Buffer.from([7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
const PACKET_HEADER_BYTES = 4;
const WRITE_BYTES = 1024 * 1024;

const upstreamPort = Number(process.argv[2]);
const recordings = new Map<string, Buffer[]>();

const server = createServer((client) => {
  const upstream = connect({ host: "127.0.0.1", port: upstreamPort, noDelay: true });
  client.setNoDelay(true);
  const session = { client, upstream, taken: null as Buffer[] | null };
  let left: Buffer = Buffer.alloc(0);
  upstream.on("data", (bytes) => {
    session.taken?.push(bytes);
    client.write(bytes);
  });
  client.on("data", (bytes) => {
    left = Buffer.concat([left, bytes]);
    for (let end = endOf(left); end <= left.length; end = endOf(left)) {
      onCommand(session, left.subarray(0, end));
      left = left.subarray(end);
    }
  });
  const end = (): void => {
    client.destroy();
    upstream.destroy();
  };
  for (const socket of [client, upstream]) socket.on("close", end).on("error", end);
});

function endOf(bytes: Buffer): number {
  return bytes.length < PACKET_HEADER_BYTES
    ? Infinity
    : PACKET_HEADER_BYTES + bytes.readUIntLE(0, 3);
}

interface Session {
  readonly client: Socket;
  readonly upstream: Socket;
  taken: Buffer[] | null;
}

function onCommand(session: Session, packet: Buffer): void {
  // Every command begins with number 0, what belongs to the login has others.
  const command = packet[3] === 0 ? packet[PACKET_HEADER_BYTES] : undefined;
  if (command === COM_REGISTER_SLAVE) session.client.write(OK);
  else if (command !== COM_BINLOG_DUMP) session.upstream.write(packet);
  else {
    const place = placeOf(packet);
    const recording = recordings.get(place);
    if (recording !== undefined) return play(session.client, Buffer.concat(recording));
    session.taken = [];
    recordings.set(place, session.taken);
    session.upstream.write(packet);
  }
}

/** Of the dump's beginning: offset and file. */
function placeOf(packet: Buffer): string {
  const at = packet.readUInt32LE(PACKET_HEADER_BYTES + 1);
  const file = packet.toString("utf8", PACKET_HEADER_BYTES + 11).replace(/\0$/, "");
  return `${file}:${at}`;
}

function play(client: Socket, bytes: Buffer): void {
  const count = Math.ceil(bytes.length / WRITE_BYTES);
  const parts = Array.from({ length: count }, (_, part) =>
    bytes.subarray(part * WRITE_BYTES, (part + 1) * WRITE_BYTES),
  );
  Readable.from(parts).pipe(client, { end: false });
}

server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
