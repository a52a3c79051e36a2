/* What pages do beyond HTML and htmx: nothing here is needed, it only saves a step. */

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (!document.cookie.includes(`usher_zone=${zone}`)) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `usher_zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

/* A menu closes when one turns to something else, or says so with Escape. */
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/* What is fetched into the drawer is shown at once; a press beside it closes it. */
const drawer = document.getElementById("drawer");
document.addEventListener("htmx:after:swap", () => {
  if (drawer.childElementCount && !drawer.open) drawer.showModal();
});
drawer.addEventListener("close", () => drawer.replaceChildren());
drawer.addEventListener("click", (event) => {
  if (event.target === drawer) drawer.close();
});
