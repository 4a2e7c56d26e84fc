// The days of the filter are meant in the reader's zone: the server is told which that is.

document.querySelector("#history-filter [name=zone]").value = new Intl.DateTimeFormat().resolvedOptions().timeZone;
