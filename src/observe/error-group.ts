/**
 * What stands for an error, of the row `r` of redelivery: its first line without numbers, so that errors
 * that differ only in an id or a size are one. Null errors are empty. (A form would bring a carriage
 * return back as two characters.)
 */
export const ERROR_GROUP = `left(regexp_replace(
    split_part(translate(coalesce(r.last_error, ''), E'\\r', E'\\n'), E'\\n', 1), '\\d+', '#', 'g'), 300)`;
