"""Send the requests of an exchange: in turn, and each with its whole answer in limited time.

A failure of httpx is the outcome of a request; ClientError is raised for a client that is closed
or of another event loop.
"""

from stateserve.client.sending.senders import AsyncSender as AsyncSender
from stateserve.client.sending.senders import Sender as Sender
