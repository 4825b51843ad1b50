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

const plan = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "numeric", minute: "2-digit" });

/** Localize rewrites all times below an element. Those marked data-date are dates that people plan with: to the minute. */
export function localize(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    if (element.dataset.date === undefined) show(element, element.dateTime);
    else element.textContent = plan.format(new Date(element.dateTime));
  }
}
