// Money, numbers and states in words: as words.go and pages_words.go have it.

const group = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Figure writes a number with spaces that keep its digits together. */
export const figure = (n) => group(String(n));

const signs = { EUR: "€", USD: "$", GBP: "£", JPY: "¥", INR: "₹", KRW: "₩", ILS: "₪", VND: "₫" };
const minor = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
  3: "BHD IQD JOD KWD LYD OMR TND",
  4: "CLF UYW",
};

/** Digits is how many digits the minor unit of a currency has, by ISO 4217. */
function digits(currency) {
  const found = Object.entries(minor).find(([, all]) => all.split(" ").includes(currency));
  return found ? Number(found[0]) : 2;
}

/** Money is an amount in minor units as people write it. */
export function money(amount, currency) {
  const n = digits(currency);
  const text = String(Math.abs(amount)).padStart(n + 1, "0");
  const whole = group(text.slice(0, text.length - n));
  const rest = n > 0 ? `.${text.slice(-n)}` : "";
  return `${amount < 0 ? "-" : ""}${signs[currency] ?? `${currency}\u00a0`}${whole}${rest}`;
}

/** Price is what a ticket costs. */
export const price = (amount, currency) => (amount === 0 ? "Free" : money(amount, currency));

const count = (n, what) => (n === 0 ? `no ${what}s` : n === 1 ? `1 ${what}` : `${figure(n)} ${what}s`);

/** Span says how long some seconds are. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pair = (big, bigName, small, smallName) => (small === 0 ? count(big, bigName) : `${count(big, bigName)} ${count(small, smallName)}`);
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(whole / 3600);
  const days = Math.floor(hours / 24);
  if (whole < 60) return count(whole, "second");
  if (minutes < 60) return count(minutes, "minute");
  if (hours < 24) return pair(hours, "hour", minutes % 60, "minute");
  if (days < 10) return pair(days, "day", hours % 24, "hour");
  return count(days, "day");
}

/** Clock is the time that is left on a countdown: minutes and seconds. */
export function clock(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** Ahead says how many are to be let in before somebody in the waiting room. */
export function ahead(n) {
  if (n <= 0) return "You are next.";
  return n === 1 ? "1 customer is before you." : `${figure(n)} customers are before you.`;
}

/** PoolKey is what a page says of a pool that its numbers do not; place is the visitor's in the waiting room. */
export function poolKey(pool, now, place = 0) {
  return `${situation(pool, now, place)} ${pool.rule.version}`;
}

function situation(pool, now, place) {
  if (pool.status === "cancelled") return "cancelled";
  if (now >= Date.parse(pool.eventDate)) return "over";
  if (pool.status === "stopped") return "stopped";
  if (pool.room && !(place > 0 && place <= pool.room.admitted)) return "room";
  return pool.available === 0 || pool.waiting > 0 ? "sold-out" : "open";
}

/** CartKey is what a page of a claim says that its numbers do not. */
export function cartKey(claim) {
  const scanned = claim.tickets.filter((ticket) => ticket.checkedIn).length;
  return `${claim.state} ${claim.declined ?? ""} ${claim.payment ?? ""} ${scanned}`;
}
