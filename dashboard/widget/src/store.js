// What a reload must find again: the visitor's token, their conversation, a question under way, what is unread.

/** Memory of one embed key (or bot) and visitor in this browser; where storage is blocked, of this page. */
export class Store {
  constructor(name) {
    this.name = `minirag:${name}`;
    this.memory = {};
    this.only = false; // whether memory is all there is: storage may be readable and yet take nothing
  }

  read() {
    if (this.only) return this.memory;
    try {
      return JSON.parse(localStorage.getItem(this.name)) || {};
    } catch {
      return this.memory; // blocked, or somebody else's text: this page goes on without
    }
  }

  /** Changes some fields; undefined forgets one. */
  write(fields) {
    const next = { ...this.read(), ...fields };
    this.memory = next;
    try {
      localStorage.setItem(this.name, JSON.stringify(next));
      this.only = false;
    } catch {
      this.only = true;
    }
  }
}

/** Whether the panel is open, kept for this tab only. */
export const tab = {
  get isOpen() {
    try {
      return sessionStorage.getItem('minirag:open') === '1';
    } catch {
      return false;
    }
  },
  set isOpen(value) {
    try {
      sessionStorage.setItem('minirag:open', value ? '1' : '0');
    } catch {
      // where storage is blocked, a reload finds it closed
    }
  },
};
