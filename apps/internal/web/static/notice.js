// The notice of an error in a form, as the server renders it.

/** Tell shows in a form why the server did not do it; without an error it takes that away. */
export function tell(form, error) {
  const place = form.querySelector("[data-failure]");
  place.replaceChildren();
  if (!error) return;
  const title = document.createElement("strong");
  title.textContent = error.status === 409 ? "Refused" : "Not done";
  const text = document.createElement("div");
  const details = (error.errors ?? []).map((e) => `${e.location.replace(/^body\./, "")}: ${e.message}`);
  const message = [error.message, ...details].join("; ");
  text.textContent = message.endsWith(".") ? message : `${message}.`;
  const notice = document.createElement("div");
  notice.className = "notice error";
  notice.setAttribute("role", "alert");
  notice.append(title, text);
  place.append(notice);
}
