// The notice of an error in a form, as the server renders it.

/** Sentence gives what a program was told a capital letter and a full stop; render.go has the same. */
export function sentence(text) {
  const [first = ""] = text;
  const capital = first.toUpperCase() + text.slice(first.length);
  return /[.!?]$/.test(capital) || capital === "" ? capital : `${capital}.`;
}

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
  text.textContent = sentence(message);
  const notice = document.createElement("div");
  notice.className = "notice error";
  notice.setAttribute("role", "alert");
  notice.append(title, text);
  place.append(notice);
}
