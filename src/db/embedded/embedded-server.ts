/** A running embedded server, as its users see it. */
export interface EmbeddedServer {
  /** With user, password and database: for `pg`, and for the user's own tools. */
  readonly url: string;
  /** Always `127.0.0.1`. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** PostgreSQL's version: `18.4`. */
  readonly version: string;
  /** Whether this process started it. If so, it ends with this process, however that ends. */
  readonly owned: boolean;
  /** The postmaster's. */
  readonly pid: number;
  /** Stops the server and waits for its end. Does nothing when it is another process's. */
  stop(): Promise<void>;
}
