/** How much one fetch may bring. */
export interface FetchLimits {
  readonly rows: number;
  /** Of payload text and keys, about. A notification larger than this is fetched alone. */
  readonly bytes: number;
}
