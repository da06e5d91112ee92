/** A message of PostgreSQL's protocol. The type of a client's first one, which has none, is `''`. */
export interface WireMessage {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Cuts what one side of a connection sends into messages, however it comes in. */
export class WireMessages {
  #bytes: Buffer = Buffer.alloc(0);
  #isFirst: boolean;

  constructor(side: 'client' | 'server') {
    this.#isFirst = side === 'client';
  }

  /** The messages that this chunk completes. */
  *of(chunk: Buffer): Generator<WireMessage> {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const typeLength = this.#isFirst ? 0 : 1;
      if (this.#bytes.length < typeLength + 4) return;
      const length = typeLength + this.#bytes.readUInt32BE(typeLength);
      if (this.#bytes.length < length) return;
      const bytes = this.#bytes.subarray(0, length);
      this.#bytes = this.#bytes.subarray(length);
      this.#isFirst = false;
      yield { type: typeLength === 0 ? '' : String.fromCharCode(bytes[0] ?? 0), bytes };
    }
  }
}
