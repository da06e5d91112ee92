/**
 * What stands for an error, of the row `r` of redelivery: its first line without numbers, so that errors
 * that differ only in an id or a size are one. Null errors are empty.
 */
export const ERROR_GROUP = `left(regexp_replace(
    split_part(coalesce(r.last_error, ''), E'\\n', 1), '\\d+', '#', 'g'), 300)`;
