/** The folder of a server or client, fetched and unpacked where it is not there yet. */
export function bringServer(
  name: "mysql" | "mariadb" | "kafka" | "kafka-1.1" | "kafka-3.0" | "moto" | "psql" | "psycopg",
): Promise<string>;
