/** The folder of a server, fetched and unpacked where it is not there yet. */
export function bringServer(name: "mysql" | "mariadb"): Promise<string>;

/** The command that runs a program of a server's folder. */
export function programCommand(folder: string, program: string): string[];
