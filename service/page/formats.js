// Numbers and times as people read them.

const WHOLE = new Intl.NumberFormat("en");
const SHORT_TIME = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const FULL_TIME = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "full",
  timeStyle: "long",
});

export const whole = (number) => WHOLE.format(number);
export const score = (number) => number.toFixed(3);
export const shortTime = (iso) => SHORT_TIME.format(new Date(iso));
export const fullTime = (iso) => FULL_TIME.format(new Date(iso));
export const counted = (number, noun) => `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;

export function duration(milliseconds) {
  return milliseconds < 1000
    ? `${Math.max(1, Math.round(milliseconds))} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}
