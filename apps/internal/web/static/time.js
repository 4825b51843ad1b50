// Times as the reader's clock has them. The server writes UTC.

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Show writes a moment into a <time>: the time of day, with the date unless it is today. */
export function show(element, moment) {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return;
  element.dateTime = moment;
  element.textContent = at.toDateString() === new Date().toDateString() ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

/** Localize rewrites all times below an element. */
export function localize(root) {
  for (const element of root.querySelectorAll("time[datetime]")) show(element, element.dateTime);
}
