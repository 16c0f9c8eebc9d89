"""Downloads of an original beside reading its sealed object directly."""

import asyncpg
import grpc

from service.domain.model import MediaId
from service.domain.objects import object_key
from tests.bench.figures import Aim, Report, Row, Series
from tests.bench.helper import helping
from tests.bench.load import WrongAnswersError
from tests.bench.pace import Pace
from tests.bench.photos import varied
from tests.bench.stage import Server, Somebody, Stage
from tests.people import face, person

AT_ONCE = 4
WARM_UP = 4
_AIM = Aim(0.70, at_least=True)
