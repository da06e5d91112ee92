import { once } from 'node:events';
import pg from 'pg';

/** Runs `COPY … FROM STDIN` with the text; pg itself only knows how to refuse it. */
export async function copyRows(client: pg.Client, statement: string, text: string): Promise<void> {
  const copying = new Copying(statement, text);
  client.query(copying);
  await once(copying, 'end');
}

interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

class Copying extends pg.Query {
  readonly #text: string;

  constructor(statement: string, text: string) {
    super(statement);
    this.#text = text;
  }

  /** Called by pg when the server is ready for the rows. */
  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(Buffer.from(this.#text));
    connection.endCopyFrom();
  }
}
