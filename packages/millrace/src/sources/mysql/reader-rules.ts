import type { FindingRule, Observed } from "./finding-rule.ts";
import { grantee } from "./reading-rights.ts";
import { hasPrivilege, type ServerFacts } from "./server-facts.ts";

/** What the user may do, and under which id. */
export const READER_RULES: readonly FindingRule[] = [
  {
    severity: "error",
    when: ({ server }) => server.logs && !mayClient(server),
    what: ({ server }) =>
      `User ${server.user} may not ask where the log ends (${server.version.flavor === "mariadb" ? "BINLOG MONITOR" : "REPLICATION CLIENT"}).`,
    follows: () => "Neither chunks nor the log's reader can be placed in it.",
    remedy: ({ server }) => `GRANT REPLICATION CLIENT ON *.* TO ${grantee(server.user)};`,
  },
  {
    severity: "error",
    when: ({ server }) => server.logs && !hasPrivilege(server, "REPLICATION SLAVE"),
    what: ({ server }) => `User ${server.user} may not read the binary log (REPLICATION SLAVE).`,
    follows: () => "Changes cannot be captured.",
    remedy: ({ server }) => `GRANT REPLICATION SLAVE ON *.* TO ${grantee(server.user)};`,
  },
  {
    severity: "error",
    when: ({ server, refusedLog }) =>
      hasPrivilege(server, "REPLICATION SLAVE") && refusedLog !== null,
    what: ({ refusedLog }) => `The server does not give its binary log: ${refusedLog}.`,
    follows: () => "Changes cannot be captured.",
    remedy: () => "Mend what it says.",
  },
  {
    severity: "error",
    option: "source.server-id",
    when: (observed) => freeIds(observed).length === 0,
    what: (observed) => `server-id ${takenText(observed)}.`,
    follows: () => "Two readers of one id cut each other off again and again.",
    remedy: () => "Choose another server-id, or a range of them.",
  },
];

/** MariaDB calls it by another name since 10.5. */
function mayClient(server: ServerFacts): boolean {
  return ["REPLICATION CLIENT", "BINLOG MONITOR", "SUPER"].some((name) =>
    hasPrivilege(server, name),
  );
}

/** Ids that are neither the server's own nor somebody else's; this pipeline itself may be running. */
function freeIds({ ids, server: { serverId, readers } }: Observed): readonly number[] {
  const isTaken = (id: number, uuid: string): boolean =>
    id === serverId ||
    (readers ?? []).some((reader) => reader.serverId === id && reader.uuid !== uuid);
  return ids.filter((id) => !isTaken(id.serverId, id.uuid)).map((id) => id.serverId);
}

function takenText({ ids, server: { serverId, readers } }: Observed): string {
  const [first] = ids;
  const range =
    ids.length === 1 ? `${first?.serverId}` : `${first?.serverId} and the others of its range`;
  if (ids.length === 1 && first?.serverId === serverId) return `${range} is the server's own`;
  const reader = (readers ?? []).find((other) => other.serverId === first?.serverId);
  const where = reader === undefined || reader.host === "" ? "" : `, at ${reader.host}`;
  return `${range} ${ids.length === 1 ? "has" : "have"} another reader or replica${where}`;
}
