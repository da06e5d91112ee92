/**
 * Rung on the doorbell when somebody has steered a consumer: paused it, resumed it, given it something
 * to replay. Longer than any channel's name, so nobody's channel is meant.
 */
export const STEERING_CHANNEL =
  'pgwatch: a consumer was steered; who runs it looks what has become of it';
