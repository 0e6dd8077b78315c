"""The same iris model in other servers, each in the form that its documentation recommends."""
