/** The folder of a server or client, fetched and unpacked where it is not there yet. */
export function bringServer(
  name: "mysql" | "mariadb" | "kafka" | "moto" | "psql" | "psycopg",
): Promise<string>;
